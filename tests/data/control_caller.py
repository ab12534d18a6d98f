"""Sends orders to a queue as any client would, and prints each answer with the milliseconds it took.

Knows nothing of framecache: pika, the queue's name, and RabbitMQ's direct reply-to.

    control_caller.py URL QUEUE ORDER...
"""

import json
import sys
import time

import pika

REPLIES = "amq.rabbitmq.reply-to"

url, queue, *orders = sys.argv[1:]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
answers = []
channel.basic_consume(
    REPLIES,
    lambda _channel, _method, properties, body: answers.append((properties.correlation_id, json.loads(body))),
    auto_ack=True,
)
for number, order in enumerate(orders):
    asked = pika.BasicProperties(reply_to=REPLIES, correlation_id=f"call-{number}", delivery_mode=2)
    began = time.monotonic()
    channel.basic_publish("", queue, order.encode(), asked)
    while len(answers) <= number:
        connection.process_data_events(0.005)
    took = (time.monotonic() - began) * 1000
    to, answer = answers[number]
    print(json.dumps({"to": to, "answer": answer, "ms": round(took, 3)}), flush=True)
print("all answered", flush=True)
time.sleep(60)  # ended by who started it
