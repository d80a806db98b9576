/* SPDX-License-Identifier: MIT
 * The same program in C++17: the headers and their inline functions must be valid C++. */
#include <myelon/myelon.h>

#include <cstdio>
#include <cstring>

int main(int argc, char **argv)
{
    auto options = myl_options<myl_producer_options>();
    options.config.event_size = 8;
    options.config.capacity = 64;
    myl_producer *producer = nullptr;
    myl_consumer *consumer = nullptr;
    void *slot = nullptr;
    const void *event = nullptr;
    int code = argc < 2 ? static_cast<int>(MYL_ENAME) : myl_producer_open(&producer, argv[1], &options);
    if (code == MYL_OK)
        code = myl_consumer_open(&consumer, argv[1], nullptr);
    if (code == MYL_OK)
        code = myl_producer_claim(producer, &slot, MYL_SEC(5));
    if (code == MYL_OK) {
        std::memcpy(slot, "through", 8);
        myl_producer_publish(producer);
        code = myl_consumer_next(consumer, &event, MYL_SEC(5));
    }
    int same = code == MYL_OK && std::memcmp(event, "through", 8) == 0;
    if (same)
        code = myl_consumer_release(consumer);
    if (code != MYL_OK)
        std::fprintf(stderr, "%s: %s\n", myl_errname(code), myl_error_detail());
    std::printf("%s %s\n", myl_version(), same ? "through" : "lost");
    myl_producer_close(producer);
    myl_consumer_close(consumer);
    return code == MYL_OK && same ? 0 : 1;
}
