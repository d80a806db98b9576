/* SPDX-License-Identifier: MIT
 * The C++ side of tests/interop/flatbuffers_test.c. Requests on standard input: kind (1 byte: 0 a schema, 1 a value of
 * that schema, 2 a value of every.fbs), three bytes of 0, length (u32, little endian), bytes. Answers on standard
 * output: 0, 1 (refused) or 2 (the library refuses its own copy), three bytes of 0, length, bytes: the binary schema,
 * or the value, verified, read and written again, by reflection or by the code that flatc generates. With the argument
 * `blobs`: reads values of every.fbs as `myelon sub --blobs` writes them, and writes them as `myelon pub --blobs` reads
 * them. */
#include <flatbuffers/idl.h>
#include <flatbuffers/reflection.h>
#include <flatbuffers/util.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "every_generated.h"

namespace {

struct Schema {
    std::unique_ptr<flatbuffers::Parser> parser;
    const reflection::Schema *binary = nullptr;
};

bool fail(std::string &answer, const std::string &text)
{
    answer = text;
    return false;
}

bool take_schema(Schema &schema, const std::string &text, std::string &answer)
{
    flatbuffers::IDLOptions options;
    options.lang_to_generate = flatbuffers::IDLOptions::kCpp; /* else some attributes are refused */
    schema.parser = std::make_unique<flatbuffers::Parser>(options);
    if (!schema.parser->Parse(text.c_str()))
        return fail(answer, schema.parser->error_);
    schema.parser->Serialize();
    const uint8_t *bytes = schema.parser->builder_.GetBufferPointer();
    size_t length = schema.parser->builder_.GetSize();
    flatbuffers::Verifier verifier(bytes, length);
    if (!reflection::VerifySchemaBuffer(verifier))
        return fail(answer, "the binary schema is no schema");
    schema.binary = reflection::GetSchema(bytes);
    answer.assign(reinterpret_cast<const char *>(bytes), length);
    return true;
}

void take_buffer(const flatbuffers::FlatBufferBuilder &builder, std::string &answer)
{
    answer.assign(reinterpret_cast<const char *>(builder.GetBufferPointer()), builder.GetSize());
}

bool copy_value(const Schema &schema, const uint8_t *bytes, size_t length, std::string &answer, bool &copy_is_valid)
{
    const reflection::Object &root = *schema.binary->root_table();
    if (!flatbuffers::Verify(*schema.binary, root, bytes, length))
        return fail(answer, "refused by reflection");
    flatbuffers::FlatBufferBuilder builder;
    builder.ForceDefaults(true);
    auto copy = flatbuffers::CopyTable(builder, *schema.binary, root, *flatbuffers::GetAnyRoot(bytes), false);
    builder.Finish(copy);
    take_buffer(builder, answer);
    /* Version 2 pads a buffer with vectors of structs to a multiple of the struct's size, and no field is aligned. */
    copy_is_valid = flatbuffers::Verify(*schema.binary, root, builder.GetBufferPointer(), builder.GetSize());
    return true;
}

bool copy_every(const uint8_t *bytes, size_t length, std::string &answer)
{
    flatbuffers::Verifier verifier(bytes, length);
    if (!VerifyEveryBuffer(verifier))
        return fail(answer, "refused by the generated code");
    std::unique_ptr<EveryT> value(GetEvery(bytes)->UnPack());
    flatbuffers::FlatBufferBuilder builder;
    builder.ForceDefaults(true); /* else a -0.0 is not written */
    builder.Finish(Every::Pack(builder, value.get()));
    take_buffer(builder, answer);
    return true;
}

bool read_bytes(void *to, size_t length)
{
    return std::fread(to, 1, length, stdin) == length;
}

/* Bytes after a length; aligned, since a verifier may rely on that. */
bool read_block(const unsigned char *length, std::vector<uint64_t> &block, size_t &n)
{
    uint32_t bytes;
    std::memcpy(&bytes, length, sizeof bytes);
    block.assign(bytes / 8 + 1, 0);
    n = bytes;
    return read_bytes(block.data(), n);
}

bool write_block(const unsigned char *head, size_t head_size, const std::string &bytes)
{
    uint32_t n = static_cast<uint32_t>(bytes.size());
    return std::fwrite(head, 1, head_size, stdout) == head_size && std::fwrite(&n, 1, sizeof n, stdout) == sizeof n &&
           std::fwrite(bytes.data(), 1, n, stdout) == n && std::fflush(stdout) == 0;
}

const uint8_t *bytes_of(const std::vector<uint64_t> &block)
{
    return reinterpret_cast<const uint8_t *>(block.data());
}

int copy_blobs()
{
    unsigned char length[4];
    std::vector<uint64_t> block;
    size_t n;
    std::string copy;
    while (read_bytes(length, sizeof length)) {
        if (!read_block(length, block, n) || !copy_every(bytes_of(block), n, copy) || !write_block(nullptr, 0, copy))
            return 1;
    }
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc > 1 && std::strcmp(argv[1], "blobs") == 0)
        return copy_blobs();
    Schema schema;
    unsigned char head[8];
    std::vector<uint64_t> block;
    size_t n;
    while (read_bytes(head, sizeof head)) {
        std::string answer;
        bool copy_is_valid = true;
        if (!read_block(head + 4, block, n))
            return 1;
        const uint8_t *at = bytes_of(block);
        bool done = head[0] == 0   ? take_schema(schema, std::string(reinterpret_cast<const char *>(at), n), answer)
                    : head[0] == 1 ? copy_value(schema, at, n, answer, copy_is_valid)
                                   : copy_every(at, n, answer);
        const unsigned char reply[4] = {static_cast<unsigned char>(!done ? 1 : copy_is_valid ? 0 : 2), 0, 0, 0};
        if (!write_block(reply, sizeof reply, answer))
            return 1;
    }
    return 0;
}
