"""Events in TensorBoard's format, for crates/s2f-train/src/run/tensorboard.rs.

The messages are declared from tensorflow/core/util/event.proto and
tensorflow/core/framework/summary.proto and encoded by Google's protobuf; the frame and CRC-32C
(bit by bit, polynomial 0x1EDC6F41 reflected) follow tensorflow/core/lib/io/record_writer.h.

Needs: protobuf. Writes: events.bin
"""

import pathlib
import struct

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
MESSAGES = {
    "SessionLog": [("status", 1, FIELD.TYPE_INT32, None)],
    "Image": [
        ("height", 1, FIELD.TYPE_INT32, None),
        ("width", 2, FIELD.TYPE_INT32, None),
        ("colorspace", 3, FIELD.TYPE_INT32, None),
        ("encoded_image_string", 4, FIELD.TYPE_BYTES, None),
    ],
    "Value": [
        ("tag", 1, FIELD.TYPE_STRING, None),
        ("simple_value", 2, FIELD.TYPE_FLOAT, "value"),
        ("image", 4, "Image", "value"),
    ],
    "Summary": [("value", 1, "Value", "repeated")],
    "Event": [
        ("wall_time", 1, FIELD.TYPE_DOUBLE, None),
        ("step", 2, FIELD.TYPE_INT64, None),
        ("file_version", 3, FIELD.TYPE_STRING, "what"),
        ("summary", 5, "Summary", "what"),
        ("session_log", 7, "SessionLog", "what"),
    ],
}


def messages():
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="tb", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, extra in fields:
            field = message.field.add(name=field_name, number=number, label=FIELD.LABEL_OPTIONAL)
            if isinstance(kind, str):
                field.type, field.type_name = FIELD.TYPE_MESSAGE, f".tb.{kind}"
            else:
                field.type = kind
            if extra == "repeated":
                field.label = FIELD.LABEL_REPEATED
            elif extra:
                if not message.oneof_decl:
                    message.oneof_decl.add(name=extra)
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tb.{name}"))
        for name in MESSAGES
    }


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def record(data):
    def masked(part):
        crc = crc32c(part)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


if __name__ == "__main__":
    tb = messages()
    Event, Summary, Value = tb["Event"], tb["Summary"], tb["Value"]
    image = tb["Image"](height=2, width=3, colorspace=3, encoded_image_string=b"\x89PNG")
    events = [
        Event(wall_time=1.5, file_version="brain.Event:2"),
        Event(wall_time=2.5, step=7, session_log=tb["SessionLog"](status=1)),
        Event(
            wall_time=1700000000.25,
            step=300,
            summary=Summary(
                value=[
                    Value(tag="texture", simple_value=0.1),
                    Value(tag="identity", simple_value=-2.0),
                ]
            ),
        ),
        Event(wall_time=3.0, step=12, summary=Summary(value=[Value(tag="faces", image=image)])),
    ]
    out = pathlib.Path(__file__).with_name("events.bin")
    out.write_bytes(b"".join(record(event.SerializeToString()) for event in events))
