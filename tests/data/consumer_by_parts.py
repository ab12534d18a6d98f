"""A consumer that builds each key from its parts: the oldest kind that must be served.

It declares the exchange non-durable, takes only the frames' routing key, acknowledges on delivery, and reads
the key from vhost, `frames`, camera_id, timestamp_nano and sequence, never from redis_key. For each message it
prints one JSON line: the key and the SHA-256 of what lies there, null where nothing does.
"""

import hashlib
import json
import sys

import pika
import redis


def main(redis_port, amqp_port, vhost, user, password):
    store = redis.Redis(host="127.0.0.1", port=int(redis_port), decode_responses=False)
    login = pika.PlainCredentials(user, password)
    broker = pika.ConnectionParameters(
        host="127.0.0.1", port=int(amqp_port), virtual_host=vhost, credentials=login
    )
    channel = pika.BlockingConnection(broker).channel()
    tenant = vhost.replace("/", "")

    def on_message(_channel, _method, _properties, body):
        try:
            message = json.loads(body)
            moment = message["timestamp_nano"]
            sequence = message.get("sequence", "00001")
            key = f"{tenant}:frames:{message['camera_id']}:{moment}:{sequence}"
        except (ValueError, KeyError) as error:
            tell({"unreadable": repr(error)})
            return
        frame = store.get(key)
        tell({"key": key, "sha256": frame and hashlib.sha256(frame).hexdigest()})

    channel.exchange_declare(exchange="camera.metadata", exchange_type="topic")
    queue = channel.queue_declare(queue="", exclusive=True).method.queue
    channel.queue_bind(exchange="camera.metadata", queue=queue, routing_key="camera.metadata.event")
    channel.basic_consume(queue=queue, on_message_callback=on_message, auto_ack=True)
    tell({"ready": True})
    channel.start_consuming()


def tell(what):
    print(json.dumps(what), flush=True)


main(*sys.argv[1:])
