/* SPDX-License-Identifier: MIT
 * Values instead of bytes: a described type over a ring, received as an owned value, and read in place. */
#include <myelon/myelon.h>

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

MYL_VECTOR(prices, myl_f64);
#define ORDER(FIELD, T) FIELD(T, myl_u64, id) FIELD(T, myl_string, symbol) FIELD(T, prices, legs)
MYL_STRUCT(order, ORDER);
MYL_TYPED(order);

static int read_in_place(myl_typed_consumer *consumer)
{
    myl_typed_message message;
    char text[128];
    size_t length;
    int rc = myl_typed_next(consumer, &message, MYL_FOREVER);
    if (rc == MYL_OK)
        rc = myl_view_json(&message.view, text, sizeof text, &length);
    if (rc == MYL_OK)
        printf("in place: %s\n", text);
    return rc == MYL_OK ? myl_typed_release(consumer) : rc;
}

int main(void)
{
    char name[64];
    double legs[] = {1.5, 2.25};
    const order sent = {7, {"ABC", 3}, {legs, 2}}, *received;
    myl_typed_producer *producer = NULL;
    myl_typed_consumer *consumer = NULL;
    myl_typed_options typed = {.size = sizeof typed, .type = &order_type, .codec = myl_codec_by_id(MYL_CODEC_RKYV)};
    snprintf(name, sizeof name, "typed-example-%d", (int)getpid());
    int rc = myl_typed_producer_open(&producer, name, &typed, NULL);
    if (rc == MYL_OK)
        rc = myl_typed_consumer_open(&consumer, name, &typed, NULL);
    for (int i = 0; rc == MYL_OK && i < 2; i++)
        rc = order_publish(producer, &sent, MYL_FOREVER);
    if (rc == MYL_OK)
        rc = order_receive(consumer, &received, MYL_FOREVER);
    if (rc == MYL_OK) {
        printf("owned: order %" PRIu64 ", %s, %zu legs\n", received->id, received->symbol.data, received->legs.count);
        rc = read_in_place(consumer);
    }
    if (rc != MYL_OK)
        fprintf(stderr, "%s\n", myl_error_detail());
    myl_typed_producer_close(producer);
    myl_typed_consumer_close(consumer);
    return rc != MYL_OK;
}
