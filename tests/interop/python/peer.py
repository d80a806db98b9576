# SPDX-License-Identifier: MIT
"""The Python side of tests/interop/python_test.c: values of a schema in MessagePack, by the package msgpack.

Without arguments it answers requests on standard input. A request is an operation (1 byte), a number (8 bytes, little
endian), a length (4 bytes) and that many bytes. An answer is a status (1 byte; 0: no error), a length and the bytes.

    S  the bytes are a schema text (docs/schema.md), which the following requests use
    R  the bytes are a message: reads it, and answers with the bytes that the codec must have written. Number: 0 for
       msgpack, 1 for msgpack_array
    W  makes the random value of that number, and answers with it as Python packs it
    C  the bytes are a message: fails unless it holds the value of the last W. Number as of R

peer.py read SCHEMA-FILE    reads messages that each follow their length, answers each as R with number 1
peer.py write SCHEMA-FILE N writes the random values 0 to N - 1, each after its length
"""
import random
import re
import struct
import sys

import msgpack

RANGES = {kind + str(bits): (0, 2**bits - 1) if kind == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
          for kind in "ui" for bits in (8, 16, 32, 64)}
CHARS = [0, 0x61, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF]


# --- types: a kind, then an element and a count, or the fields ------------------------------------------------------


class Schema:
    def __init__(self, text):
        lines = text.rstrip("\n").split("\n")
        assert lines[0] == "schema 1", lines[0]
        self.named = {}
        for line in lines[2:]:
            if line.startswith("  "):
                name, _, expression = line[2:].partition(": ")
                fields.append((name, self.parse(expression) if expression else None))
            else:
                word, name = line.split(" ")
                fields = []
                self.named[name] = ("union" if word == "union" else "struct", fields)
        self.root = self.parse(lines[1].removeprefix("root "))

    def parse(self, text):
        if text.startswith("option<"):
            return ("option", self.parse(text[7:-1]))
        if text.startswith("box<"):
            return ("box", self.parse(text[4:-1]))
        if text.startswith("["):
            array = re.fullmatch(r"\[(.*); (\d+)\]", text)
            return ("array", self.parse(array[1]), int(array[2])) if array else ("vector", self.parse(text[1:-1]))
        if text in RANGES or text in ("f32", "f64", "bool", "char", "string", "bytes"):
            return (text,)
        return ("named", text)

    def resolve(self, kind):
        while kind[0] == "box":
            kind = kind[1]
        return self.named[kind[1]] if kind[0] == "named" else kind


# --- what a codec must write ----------------------------------------------------------------------------------------

packer = msgpack.Packer(autoreset=False)
single_packer = msgpack.Packer(use_single_float=True, autoreset=False)


class Writer:
    """Writes a value in the order of the schema, as the codec does. Fails if it is not a value of the type."""

    def __init__(self, schema, arrays):
        self.schema, self.arrays, self.parts = schema, arrays, []

    def put(self, method, value):
        method(value)
        owner = method.__self__
        self.parts.append(owner.bytes())
        owner.reset()

    def scalar(self, name, value):
        if name in RANGES:
            low, high = RANGES[name]
            assert type(value) is int and low <= value <= high, (name, value)
        elif name in ("f32", "f64"):
            assert type(value) is float, (name, value)
        elif name == "bool":
            assert type(value) is bool, (name, value)
        elif name == "bytes":
            assert type(value) is bytes, (name, value)
        else:
            assert type(value) is str and (name == "string" or len(value) == 1), (name, value)
        self.put((single_packer if name == "f32" else packer).pack, value)

    def fields(self, fields, value):
        if self.arrays:
            assert type(value) is list and len(value) == len(fields), value
            self.put(packer.pack_array_header, len(fields))
        else:
            assert type(value) is dict and list(value) == [name for name, _ in fields], value
            self.put(packer.pack_map_header, len(fields))
        for i, (name, kind) in enumerate(fields):
            if not self.arrays:
                self.put(packer.pack, name)
            self.value(kind, value[i] if self.arrays else value[name])

    def union(self, variants, value):
        variants = dict(variants)
        if type(value) is str:
            assert variants[value] is None, value
            self.put(packer.pack, value)
            return
        ((name, content),) = value.items()
        assert variants[name] is not None, value
        self.put(packer.pack_map_header, 1)
        self.put(packer.pack, name)
        self.value(variants[name], content)

    def value(self, kind, value):
        kind = self.schema.resolve(kind)
        if kind[0] == "struct":
            self.fields(kind[1], value)
        elif kind[0] == "union":
            self.union(kind[1], value)
        elif kind[0] == "option":
            self.put(packer.pack, None) if value is None else self.value(kind[1], value)
        elif kind[0] in ("array", "vector"):
            assert type(value) is list and (kind[0] == "vector" or len(value) == kind[2]), value
            self.put(packer.pack_array_header, len(value))
            for element in value:
                self.value(kind[1], element)
        else:
            self.scalar(kind[0], value)


def written(schema, arrays, value):
    writer = Writer(schema, arrays)
    writer.value(schema.root, value)
    return b"".join(writer.parts)


# --- what a Python program may write --------------------------------------------------------------------------------


class Maker:
    """Makes random values: what the codec is to write for them as a map or an array, and what Python packs."""

    def __init__(self, schema, seed):
        self.schema, self.dice = schema, random.Random(seed)

    def scalar(self, name):
        dice = self.dice
        if name in RANGES:
            low, high = RANGES[name]
            bits = dice.choice((0, 1, 5, 7, 8, 9, 16, 31, 32, 33, 63, 64))
            number = dice.choice((1, -1)) * (dice.getrandbits(bits) if bits else 0)
            return min(max(number, low), high)
        if name in ("f32", "f64"):
            form = "<f" if name == "f32" else "<d"
            while True:
                real = struct.unpack(form, dice.randbytes(struct.calcsize(form)))[0]
                if dice.random() < 0.5:
                    real = float(dice.randrange(-1000, 1000)) / 2
                if real == real:
                    return real
        if name == "bool":
            return dice.random() < 0.5
        if name == "bytes":
            return dice.randbytes(dice.randrange(40))
        text = "".join(chr(dice.choice(CHARS) if dice.random() < 0.3 else dice.randrange(32, 127))
                       for _ in range(1 if name == "char" else dice.randrange(40)))
        return text

    def fields(self, fields, depth):
        maps, rows, loose = {}, [], []
        for name, kind in fields:
            a, b, c = self.value(kind, depth - 1)
            maps[name] = a
            rows.append(b)
            loose.append((name, c, kind[0] == "option" and c is None))
        dice = self.dice
        if dice.random() < 0.3:
            packed = [c for _, c, _ in loose]
            while loose and loose[-1][2] and dice.random() < 0.5:
                loose.pop()
                packed.pop()
            if len(packed) == len(fields) and dice.random() < 0.3:
                packed += self.extra()
            return maps, rows, packed
        pairs = [(name, c) for name, c, missing in loose if not missing or dice.random() < 0.5]
        if dice.random() < 0.3:
            pairs.append(("a_field_that_the_schema_has_not", self.extra()))
        dice.shuffle(pairs)
        return maps, rows, dict(pairs)

    def extra(self):
        """What a newer type may have, and the codec skips."""
        return self.dice.choice(([None], [1.5, "x", b"y"], [{"a": [1, {2: 3}]}], [msgpack.ExtType(5, b"12345")],
                                 [[[[[-70000]]]], 2**40], [msgpack.Timestamp(1, 2)]))

    def union(self, variants, depth):
        name, kind = self.dice.choice(variants) if depth > 0 else variants[0]
        if kind is None:
            return name, name, self.dice.choice((name, {name: None}))
        a, b, c = self.value(kind, depth - 1)
        return {name: a}, {name: b}, {name: c}

    def value(self, kind, depth):
        kind = self.schema.resolve(kind)
        if kind[0] == "struct":
            return self.fields(kind[1], depth)
        if kind[0] == "union":
            return self.union(kind[1], depth)
        if kind[0] == "option":
            return self.value(kind[1], depth - 1) if depth > 0 and self.dice.random() < 0.6 else (None, None, None)
        if kind[0] in ("array", "vector"):
            count = kind[2] if kind[0] == "array" else self.dice.randrange(5) if depth > 0 else 0
            elements = [self.value(kind[1], depth - 1) for _ in range(count)]
            return tuple(list(form) for form in zip(*elements)) if elements else ([], [], [])
        value = self.scalar(kind[0])
        is_small = kind[0] in ("f32", "f64") and value.is_integer() and 0 < abs(value) < 2**24
        return value, value, int(value) if is_small else value


# --- requests -------------------------------------------------------------------------------------------------------


class Peer:
    def __init__(self):
        self.schema = None
        self.forms = None

    def answer(self, operation, number, data):
        if operation == b"S":
            self.schema = Schema(data.decode())
            return b""
        if operation == b"R":
            return written(self.schema, number, msgpack.unpackb(data))
        if operation == b"W":
            maps, rows, loose = Maker(self.schema, number).value(self.schema.root, number % 6)
            self.forms = [written(self.schema, 0, maps), written(self.schema, 1, rows)]
            return msgpack.packb(loose)
        assert operation == b"C", operation
        assert data == self.forms[number], f"{data.hex()} is not {self.forms[number].hex()}"
        return b""


def serve(source, sink):
    peer = Peer()
    while head := source.read(13):
        operation, number, length = head[:1], *struct.unpack("<QI", head[1:])
        try:
            status, answer = 0, peer.answer(operation, number, source.read(length))
        except Exception as error:
            status, answer = 1, repr(error).encode()
        sink.write(struct.pack("<BI", status, len(answer)) + answer)
        sink.flush()


def main(arguments):
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    if not arguments:
        return serve(source, sink)
    peer = Peer()
    with open(arguments[1], "rb") as file:
        peer.answer(b"S", 0, file.read())
    if arguments[0] == "write":
        for number in range(int(arguments[2])):
            message = peer.answer(b"W", number, b"")
            sink.write(struct.pack("<I", len(message)) + message)
        return None
    while head := source.read(4):
        message = peer.answer(b"R", 0, source.read(struct.unpack("<I", head)[0]))
        sink.write(struct.pack("<I", len(message)) + message)
        sink.flush()
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
