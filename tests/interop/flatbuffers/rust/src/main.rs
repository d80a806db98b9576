// SPDX-License-Identifier: MIT
// The Rust side of tests/interop/flatbuffers_test.c: reads values of every.fbs by the code that flatc generates, verified,
// and writes them again. The requests and answers are those of peer.cpp, kind 2. With the argument `blobs`: reads values
// as `myelon sub --blobs` writes them, and writes them as `myelon pub --blobs` reads them.
use std::io::{self, Read, Write};

#[allow(warnings)]
mod every_generated;

fn copy_value(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let value = every_generated::root_as_every(bytes).map_err(|error| error.to_string())?;
    let mut builder = flatbuffers::FlatBufferBuilder::new();
    builder.force_defaults(true); // else a -0.0 is not written
    let root = value.unpack().pack(&mut builder);
    builder.finish(root, None);
    Ok(builder.finished_data().to_vec())
}

fn read_block(input: &mut impl Read, length: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0u8; u32::from_le_bytes(length.try_into().unwrap()) as usize];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn write_block(output: &mut impl Write, head: &[u8], bytes: &[u8]) -> io::Result<()> {
    let mut block = head.to_vec();
    block.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    block.extend_from_slice(bytes);
    output.write_all(&block)?;
    output.flush()
}

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    if std::env::args().nth(1).as_deref() == Some("blobs") {
        let mut length = [0u8; 4];
        while input.read_exact(&mut length).is_ok() {
            let bytes = read_block(&mut input, &length)?;
            let copy = copy_value(&bytes).map_err(io::Error::other)?;
            write_block(&mut output, &[], &copy)?;
        }
        return Ok(());
    }
    let mut head = [0u8; 8];
    while input.read_exact(&mut head).is_ok() {
        let bytes = read_block(&mut input, &head[4..])?;
        match copy_value(&bytes) {
            Ok(copy) => write_block(&mut output, &[0, 0, 0, 0], &copy)?,
            Err(error) => write_block(&mut output, &[1, 0, 0, 0], error.as_bytes())?,
        }
    }
    Ok(())
}
