// SPDX-License-Identifier: MIT
// The types of tests/codec/types.h in Rust, and a loop that converts values between encodings. Requests on standard input:
// type, from, to, 0 (a byte each), length (u32, little endian), bytes. Answers on standard output: 0 or 1 (refused), three
// bytes of 0, length, bytes (the value in the other encoding, or the error's text).
use bincode1::Options;
use rkyv::{rancor::Error, util::AlignedVec, Archive, Deserialize, Serialize};
use std::io::{self, Read, Write};

macro_rules! plain {
    ($($item:item)*) => {
        $(#[derive(Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize)]
        $item)*
    };
}

plain! {
    struct A { a: u8, b: u64, c: u16 }
    struct S { id: u32, s: String }
    struct V { tag: u8, v: Vec<u32>, w: Vec<String> }
    struct O { x: Option<u32>, y: Option<u32>, z: Option<Box<u64>> }
    enum E { Unit, T(u32, u8), N { k: u64 } }
    struct B { b: Box<(u32, String)>, t: bool, f: f64, c: char }
    struct Bincode {
        id: u32, neg: i32, name: String, v: Vec<u16>, o: Option<u8>, n: Option<u8>, b: bool, f: f32, c: char,
        a: [u16; 2], us: u64,
    }
    struct Point { x: f64, y: f64 }
    enum Shape {
        None, Point(Point), Text(String), List(Vec<u32>), Pair { a: u8, b: u32, c: String }, Tree(Box<Node>), Byte(u8),
    }
    struct Every {
        u8: u8, u16: u16, u32: u32, u64: u64, i8: i8, i16: i16, i32: i32, i64: i64, f32: f32, f64: f64, flag: bool,
        letter: char, text: String, blob: Vec<u8>, pair: [u16; 2], texts: [String; 2], points: [Point; 3],
        numbers: Vec<u32>, flags: Vec<bool>, matrix: Vec<Vec<u32>>, maybes: Vec<Option<String>>, path: Vec<Point>,
        small: Option<u8>, boxed: Option<Box<u64>>, tuple: Box<(u32, String)>, e: E, shape: Shape, shapes: Vec<Shape>,
        tree: Node,
    }
}

#[derive(Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize)]
#[rkyv(serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rkyv::rancor::Source))]
#[rkyv(deserialize_bounds(__D::Error: rkyv::rancor::Source))]
#[rkyv(bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: rkyv::rancor::Source)))]
struct Node {
    name: String,
    #[rkyv(omit_bounds)]
    next: Option<Box<Node>>,
    #[rkyv(omit_bounds)]
    children: Vec<Node>,
}

const RKYV: u8 = 0;
const BINCODE1: u8 = 1;
const BINCODE2: u8 = 2;

// Bounds what a wrong length can allocate.
const LIMIT: usize = 1 << 22;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

macro_rules! convert {
    ($type:ty, $from:expr, $to:expr, $bytes:expr) => {{
        let value: Result<$type, String> = match $from {
            RKYV => {
                let mut aligned = AlignedVec::<16>::new();
                aligned.extend_from_slice($bytes);
                rkyv::access::<rkyv::Archived<$type>, Error>(&aligned)
                    .and_then(rkyv::deserialize::<$type, Error>)
                    .map_err(text)
            }
            BINCODE1 => bincode1::DefaultOptions::new()
                .with_fixint_encoding()
                .deserialize($bytes)
                .map_err(text),
            _ => bincode2::serde::decode_from_slice($bytes, bincode2::config::standard().with_limit::<LIMIT>())
                .map_err(text)
                .and_then(|(value, used)| {
                    if used == $bytes.len() {
                        Ok(value)
                    } else {
                        Err("bytes after the value".into())
                    }
                }),
        };
        value.and_then(|value| match $to {
            RKYV => rkyv::to_bytes::<Error>(&value)
                .map(|bytes| bytes.to_vec())
                .map_err(text),
            BINCODE1 => bincode1::serialize(&value).map_err(text),
            BINCODE2 => bincode2::serde::encode_to_vec(&value, bincode2::config::standard()).map_err(text),
            other => Err(format!("no encoding {other}")),
        })
    }};
}

// The hash of a schema text: docs/schema.md.
fn schema_hash(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf29ce484222325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100000001b3)
    })
}

fn answer(kind: u8, from: u8, to: u8, bytes: &[u8]) -> Result<Vec<u8>, String> {
    match kind {
        0 => convert!(A, from, to, bytes),
        1 => convert!(S, from, to, bytes),
        2 => convert!(V, from, to, bytes),
        3 => convert!(O, from, to, bytes),
        4 => convert!(E, from, to, bytes),
        5 => convert!(B, from, to, bytes),
        6 => convert!(Bincode, from, to, bytes),
        7 => convert!(Shape, from, to, bytes),
        8 => convert!(Node, from, to, bytes),
        9 => convert!(Every, from, to, bytes),
        255 => Ok(schema_hash(bytes).to_le_bytes().to_vec()),
        other => Err(format!("no type {other}")),
    }
}

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut head = [0u8; 8];
    while input.read_exact(&mut head).is_ok() {
        let mut bytes = vec![0u8; u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize];
        input.read_exact(&mut bytes)?;
        let (status, body) = match answer(head[0], head[1], head[2], &bytes) {
            Ok(body) => (0, body),
            Err(error) => (1, error.into_bytes()),
        };
        let mut message = vec![status, 0, 0, 0];
        message.extend_from_slice(&(body.len() as u32).to_le_bytes());
        message.extend_from_slice(&body);
        output.write_all(&message)?;
        output.flush()?;
    }
    Ok(())
}
