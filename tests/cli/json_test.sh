#!/bin/sh
# SPDX-License-Identifier: MIT
# pub --json and sub --json: every kind through every codec; wrong lines; rings without or with another schema.
set -u
. "${MYL_TEST_SOURCE_DIR:-.}/tests/cli/lib.sh"

ring=$prefix-json

cat >"$dir/every.schema" <<'END'
schema 1
root every
struct every
  u8: u8
  u16: u16
  u32: u32
  u64: u64
  i8: i8
  i16: i16
  i32: i32
  i64: i64
  f32: f32
  f64: f64
  flag: bool
  letter: char
  text: string
  blob: bytes
  pair: [u16; 2]
  numbers: [u32]
  matrix: [[i8]]
  maybe: option<string>
  boxed: box<u64>
  points: [point; 2]
  shapes: [shape]
  tree: node
struct point
  x: f64
  y: f64
union shape
  none
  point: point
  named: named
  list: [bool]
struct node
  name: string
  next: option<box<node>>
  children: [node]
fields named
  name: string
  size: u8
END

# Lines as sub writes them: limits of the numbers, empty and long texts, escapes, NULs, characters of 1 to 4 bytes.
cat >"$dir/every" <<'END'
{"u8":0,"u16":0,"u32":0,"u64":0,"i8":0,"i16":0,"i32":0,"i64":0,"f32":0,"f64":0,"flag":false,"letter":"a","text":"","blob":"","pair":[0,0],"numbers":[],"matrix":[],"maybe":null,"boxed":0,"points":[{"x":0,"y":0},{"x":0,"y":0}],"shapes":[],"tree":{"name":"","next":null,"children":[]}}
{"u8":255,"u16":65535,"u32":4294967295,"u64":18446744073709551615,"i8":127,"i16":32767,"i32":2147483647,"i64":9223372036854775807,"f32":3.40282e+38,"f64":1.79769313486231e+308,"flag":true,"letter":"😀","text":"\u0000 \u0001 \u001f \" \\ / \b\f\n\r\t \u007f ä € 😀","blob":"00ff7f80","pair":[1,65535],"numbers":[1,2,4294967295],"matrix":[[],[1],[-128,127]],"maybe":"a text that is longer than eight bytes","boxed":18446744073709551615,"points":[{"x":0.1,"y":-0.2},{"x":1e-300,"y":123456789.123456}],"shapes":["none",{"point":{"x":1,"y":2}},{"named":{"name":"n","size":3}},{"list":[true,false]},{"list":[]}],"tree":{"name":"root","next":{"name":"next","next":null,"children":[]},"children":[{"name":"a","next":null,"children":[{"name":"b","next":null,"children":[]}]},{"name":"c","next":null,"children":[]}]}}
{"u8":1,"u16":2,"u32":3,"u64":4,"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"f32":-1.5,"f64":-0,"flag":true,"letter":"\u0000","text":"\u0000","blob":"0a","pair":[7,8],"numbers":[9],"matrix":[[-1]],"maybe":"","boxed":9007199254740993,"points":[{"x":1,"y":1},{"x":2,"y":2}],"shapes":["none"],"tree":{"name":"x","next":null,"children":[]}}
END

cat >"$dir/flat.schema" <<'END'
schema 1
root flat
struct flat
  u8: u8
  f64: f64
  i64: i64
  letter: char
  flags: [bool; 3]
  maybe: option<u16>
  shape: shape
union shape
  none
  size: u32
  at: at
fields at
  x: i8
  y: f32
END
cat >"$dir/flat" <<'END'
{"u8":1,"f64":0.5,"i64":-9223372036854775808,"letter":"ä","flags":[true,false,true],"maybe":null,"shape":"none"}
{"u8":255,"f64":-1e-10,"i64":9007199254740993,"letter":"x","flags":[false,false,false],"maybe":65535,"shape":{"size":4294967295}}
{"u8":0,"f64":3,"i64":0,"letter":"\u0000","flags":[true,true,true],"maybe":0,"shape":{"at":{"x":-128,"y":0.1}}}
END

# Each codec and type, to a consumer and to an observer that reads what the ring still has.
round_trip() { # CODEC TYPE [OPTION]...
    codec=$1 type=$2
    shift 2
    "$MYELON_CLI" sub -q --json --attach 30 "$ring" >"$dir/out1" 2>"$dir/err1" &
    sub1=$!
    expect 0 "pub --json by $codec" myelon pub -q --json --schema "$dir/$type.schema" --codec "$codec" "$@" "$ring" \
        <"$dir/$type"
    expect_end 0 "sub --json by $codec" $sub1 "$dir/err1"
    expect_same "$dir/$type" "$dir/out1" "$type by $codec"
}
for codec in bincode1 bincode2 rkyv msgpack msgpack_array flatbuffers; do
    round_trip $codec every
    round_trip "$codec" flat
    # Messages longer than the ring's records go in fragments.
    awk 'BEGIN { printf "schema 1\nroot [u16]\n" >"'"$dir"'/long.schema"
        printf "["; for (i = 0; i < 60000; i++) printf "%s%d", i ? "," : "", i % 65536; print "]" }' >"$dir/long"
    round_trip "$codec" long --ring 64K
done
round_trip pod flat

# A ring that exists needs no schema; several publishers one after the other, and an observer.
myelon pub -q -w 0 --leave --json --schema "$dir/every.schema" --codec rkyv "$ring" <"$dir/every" || fail "the first pub"
myelon pub -q -w 0 --leave --json "$ring" <"$dir/every" || fail "the second pub"
cat "$dir/every" "$dir/every" >"$dir/twice"
expect 6 "an observer at the end" myelon sub -q --json --observer --timeout 0.2 "$ring"
expect_same "$dir/twice" "$dir/out" "what an observer reads"

# inspect prints codec, hash and text.
expect 0 "inspect" myelon inspect "$ring"
expect_text "$dir/out" "^codec       rkyv$" "the codec"
expect_text "$dir/out" "^hash        0x[0-9a-f]\{16\}$" "the hash"
sed -n 's/^\(schema      \|            \)//p' "$dir/out" >"$dir/text"
expect_same "$dir/every.schema" "$dir/text" "the schema of inspect"
expect 0 "inspect --json" myelon inspect --json "$ring"
expect_text "$dir/out" '"codec":	"rkyv"' "the codec in JSON"
expect_text "$dir/out" '"codec_id":	4' "its id in JSON"
expect_text "$dir/out" '"schema":	"schema 1\\nroot every\\nstruct every\\n  u8: u8\\n' "the schema in JSON"

# Another schema or codec is refused, by the first difference. Any change of the type is another schema.
sed 's/^  i32: i32/  i32: i64/' "$dir/every.schema" >"$dir/other.schema"
expect 1 "another field type" myelon pub -w 0 --json --schema "$dir/other.schema" --codec rkyv "$ring"
expect_text "$dir/err" "first difference: field every.i32: i32 there, i64 here" "another field type"
printf '  added: u8\n' | cat "$dir/every.schema" - >"$dir/other.schema"
expect 1 "an added field" myelon pub -w 0 --json --schema "$dir/other.schema" --codec rkyv "$ring"
expect_text "$dir/err" "first difference: field named.added: missing there, u8 here" "an added field"
expect 1 "another codec" myelon pub -w 0 --json --schema "$dir/every.schema" --codec bincode1 "$ring"
expect_text "$dir/err" "first difference: codec: rkyv there, bincode1 here" "another codec"
myelon rm --force "$ring" >/dev/null

# Wrong lines: nothing is published for them. The first one ends the command; --skip-bad goes on.
cat >"$dir/order.schema" <<'END'
schema 1
root order
struct order
  id: u64
  legs: [leg]
  note: option<string>
struct leg
  side: side
  price: f32
  tag: bytes
  letter: char
  pair: [i8; 2]
union side
  buy
  sell: u8
END
good='{"id":1,"legs":[{"side":"buy","price":1,"tag":"","letter":"a","pair":[1,2]}],"note":null}'
bad() { # LINE REASON
    printf '%s\n' "$1" >>"$dir/bad"
    printf '%s\n' "$2" >>"$dir/reasons"
}
leg() { # FIELD VALUE REASON: a leg with another value of a field
    fields='"side":"buy","price":1,"tag":"","letter":"a","pair":[1,2]'
    changed=$(printf '%s' "$fields" | sed "s/\"$1\":\(\[[^]]*\]\|[^,]*\)/\"$1\":$2/")
    bad '{"id":1,"legs":[{'"$fields"'},{'"$changed"'}]}' "order.legs\[1\].$1: $3"
}
: >"$dir/bad"
: >"$dir/reasons"
bad '{"id":1,"legs":[]' "not JSON at byte 18: expected a value, a comma"
bad '{"id":1,"legs":[]} x' "not JSON at byte 20: expected a value"
bad '{"id":1,"legs":[],}' "not JSON at byte 20: expected"
bad '{"id":01,"legs":[]}' "not JSON at byte 8: a number starts with 0"
bad '{"id":1.,"legs":[]}' "not JSON at byte 9: expected a digit"
bad '{"id":-,"legs":[]}' "not JSON at byte 8: expected a digit"
bad '{"id":1,"legs":[],"note":"x}' "not JSON at byte 29: a string has no end"
bad "$(printf '{"id":1,"legs":[],"note":"\t"}')" "not JSON at byte 27: a control character in a string"
bad '{"id":1,"legs":[],"note":"\ud800"}' "not JSON at byte"
bad 'nul' "not JSON at byte 1: expected a value"
bad '[]' "order: expected an object, found an array"
bad '7' "order: expected an object, found the number 7"
bad '{"id":1}' "order: the field legs is missing"
bad '{"id":1,"legs":[],"more":1}' "order: order has no field \"more\""
bad '{"id":1,"id":1,"legs":[]}' "order: the field id is there twice"
bad '{"id":-1,"legs":[]}' "order.id: -1 is not 0 to 18446744073709551615"
bad '{"id":18446744073709551616,"legs":[]}' "order.id: 18446744073709551616 is not 0 to 18446744073709551615"
bad '{"id":1.0,"legs":[]}' "order.id: expected a whole number, found the number 1.0"
bad '{"id":"1","legs":[]}' "order.id: expected a whole number, found the string \"1\""
bad '{"id":null,"legs":[]}' "order.id: expected a whole number, found null"
bad '{"id":1,"legs":{}}' "order.legs: expected an array, found an object"
bad '{"id":1,"legs":[],"note":true}' "order.note: expected a string, found true"
bad "$(printf '{"id":1,"legs":[],"note":"\377"}')" "not UTF-8"
leg side '"hold"' "side has no variant \"hold\""
leg side '"sell"' "the variant sell has content; write {\"sell\": ...}"
leg side '{"buy":1}' "the variant buy has no content; write \"buy\""
leg side '{"sell":256}' "" # in the path
leg side '{"sell":1,"buy":1}' "expected the name of a variant"
leg side '{}' "expected the name of a variant, or an object with it as its only key, found an object"
leg price 1e39 "1e39 is larger than any f32"
leg price null "expected a number, found null"
leg tag '"0"' "expected two hex digits for each byte, found 1"
leg tag '"0g"' "expected a string of hex digits, found \"0g\" at byte 0"
leg letter '"ab"' "expected a string of one character, found one of 2 bytes"
leg letter '""' "expected a string of one character, found one of 0 bytes"
leg pair '[1]' "expected an array of 2, found one of 1"
leg pair '[1,128]' "" # in the path
sed -i -e 's/^order.legs\\\[1\\\].side: $/order.legs\\[1\\].side.sell: 256 is not 0 to 255/' \
    -e 's/^order.legs\\\[1\\\].pair: $/order.legs\\[1\\].pair\\[1\\]: 128 is not -128 to 127/' "$dir/reasons"

myelon pub -q -w 0 --leave --json --schema "$dir/order.schema" --codec bincode2 "$ring" </dev/null || fail "pub of nothing"
line=0
while IFS= read -r text <&3 && IFS= read -r reason <&4; do
    line=$((line + 1))
    printf '\n%s\n%s\n%s\n' "$good" "$text" "$good" >"$dir/input"
    expect 1 "wrong line $line" myelon pub -q -w 0 --leave --json "$ring" <"$dir/input"
    expect_text "$dir/err" "line 3: .*$reason" "wrong line $line"
done 3<"$dir/bad" 4<"$dir/reasons"
[ "$line" -eq 37 ] || fail "$line wrong lines were tried"

# With --skip-bad: the good lines before and after each of them, ten sentences, and the count.
while IFS= read -r text; do
    printf '%s\n%s\n' "$text" "$good"
done <"$dir/bad" >"$dir/input"
expect 0 "--skip-bad" myelon pub -w 0 --leave --json --skip-bad "$ring" <"$dir/input"
expect_text "$dir/err" "37 of 74 lines are no values of the ring's type and were not published; the first is line 1" "the count"
[ "$(grep -c 'pub: line ' "$dir/err")" -eq 10 ] || fail "not ten lines were reported"
expect 6 "the good lines" myelon sub -q --json --id all --timeout 0.2 "$ring"
[ "$(wc -l <"$dir/out")" -eq 74 ] || fail "$(wc -l <"$dir/out") good lines, not 74"
[ "$(sort -u "$dir/out")" = "$good" ] || fail "a good line is another value"
myelon rm --force "$ring" >/dev/null 2>&1

# Messages that are no values: reported, and the exit code says that the output is not complete.
myelon pub -q -w 0 --leave --json --schema "$dir/order.schema" --codec bincode2 "$ring" </dev/null || fail "pub of nothing"
printf 'no value\n' >"$dir/input"
myelon pub -q -w 0 --leave "$ring" <"$dir/input" || fail "pub of a message that is no value"
printf '%s\n' "$good" >"$dir/input"
myelon pub -q -w 0 --json "$ring" <"$dir/input" || fail "pub of a value"
expect 7 "a message that is no value" myelon sub -q --json "$ring"
expect_text "$dir/err" "message 1 is no value of the ring's type: bincode2: byte" "a message that is no value"
expect_same "$dir/input" "$dir/out" "the value after it"
myelon rm --force "$ring" >/dev/null 2>&1

# Rings that do not describe their messages, rings that do not exist, wrong options and schema files.
expect 4 "no ring and no schema" myelon pub -w 0 --json "$ring"
expect_text "$dir/err" "pass --schema FILE and --codec NAME" "no ring and no schema"
myelon pub -q -w 0 --leave "$ring" <"$dir/every" || fail "pub of lines"
expect 1 "pub --json to a ring of lines" myelon pub -w 0 --json "$ring"
expect_text "$dir/err" "does not describe its messages" "pub --json to a ring of lines"
expect 1 "a schema for a ring of lines" myelon pub -w 0 --json --schema "$dir/order.schema" --codec rkyv "$ring"
expect_text "$dir/err" "without a schema, expected 0x[0-9a-f]* of order; choose the ring of that type" "a ring of lines"
expect 1 "sub --json from a ring of lines" myelon sub --json "$ring"
expect_text "$dir/err" "does not describe its messages" "sub --json from a ring of lines"
myelon rm --force "$ring" >/dev/null 2>&1
expect 2 "--json and --blobs" myelon sub --json --blobs "$ring"
expect 2 "--json and --blobs" myelon pub --json --blobs "$ring"
expect 2 "--schema without --json" myelon pub --schema "$dir/order.schema" --codec rkyv "$ring"
expect 2 "--schema without --codec" myelon pub --json --schema "$dir/order.schema" "$ring"
expect 2 "an unknown codec" myelon pub --json --schema "$dir/order.schema" --codec xml "$ring"
expect 2 "a type id" myelon pub --json --type 7 "$ring"
expect 1 "no schema file" myelon pub --json --schema "$dir/missing" --codec rkyv "$ring"
expect_text "$dir/err" "cannot read the schema file .*missing: No such file" "no schema file"
printf 'schema 1\nroot order\nstruct order\n  id: u6\n' >"$dir/wrong.schema"
expect 1 "an undefined type" myelon pub --json --schema "$dir/wrong.schema" --codec rkyv "$ring"
expect_text "$dir/err" "mentions the type u6 and does not define it; compare the text with docs/schema.md" "an undefined type"
expect 1 "a type that pod cannot carry" myelon pub --json --schema "$dir/order.schema" --codec pod "$ring"
expect_text "$dir/err" "pod: order.legs is a vector; choose another codec or type" "a type that pod cannot carry"
head -c 65537 /dev/zero >"$dir/wrong.schema"
expect 1 "a schema of 65537 bytes" myelon pub --json --schema "$dir/wrong.schema" --codec rkyv "$ring"
expect_text "$dir/err" "has 65537 bytes, at most 65536" "a schema of 65537 bytes"
! ring_exists "$ring" || fail "a refused schema made a ring"

finish
