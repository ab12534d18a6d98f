"""A consumer in the manner of the ones that edge-video ships with: durable exchange, key taken from redis_key.

It takes the status messages too, and asks how long each frame still lives. For each message it prints one JSON
line: of a frame its key, the SHA-256 of what lies there and the TTL; anything else as it came, its routing key
beside it.
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

    def on_message(_channel, method, _properties, body):
        try:
            message = json.loads(body)
        except ValueError as error:
            tell({"unreadable": repr(error)})
            return
        if message["event_type"] != "frame":
            tell({"routing_key": method.routing_key, "message": message})
            return
        key = message["redis_key"]
        frame = store.get(key)
        digest = frame and hashlib.sha256(frame).hexdigest()
        tell({"key": key, "sha256": digest, "ttl": store.ttl(key), "size": message["size_bytes"]})

    channel.exchange_declare(exchange="camera.metadata", exchange_type="topic", durable=True)
    queue = channel.queue_declare(queue="", exclusive=True).method.queue
    channel.queue_bind(exchange="camera.metadata", queue=queue, routing_key="camera.metadata.#")
    channel.basic_consume(queue=queue, on_message_callback=on_message, auto_ack=True)
    tell({"ready": True})
    channel.start_consuming()


def tell(what):
    print(json.dumps(what), flush=True)


main(*sys.argv[1:])
