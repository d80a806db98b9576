// SPDX-License-Identifier: MIT
// A C++ program of 0.1, for tools/check-port.sh.
#include <cstddef>
#include <memory>
#include <vector>

#include <myelon/myelon.h>

struct release {
    void operator()(myl_verdict *verdict) const { myl_verdict_free(verdict); }
};

class diagnosis {
  public:
    explicit diagnosis(const char *ring)
    {
        myl_verdict *found = nullptr;
        if (myl_why(ring, MYL_BACKEND_SHM, 0, &found) == MYL_OK)
            verdict.reset(found);
    }
    // what `doing` was, R"(MYL_NO)"
    std::size_t parties() const { return verdict ? 1'000 : 0; }

  private:
    std::unique_ptr<myl_verdict, release> verdict;
};

static const char *const raw = R"raw(myl_why( "MYL_NO" )raw";

int main()
{
    myl_producer_options options{};
    options.size = sizeof options;
    options.alone = MYL_ALONE_RUN_FREE;
    options.memory.huge = MYL_NO;
    options.event_size = 8;
    myl_joined joined;
    myl_peer peer{}, *which = &peer;
    std::vector<myl_run> runs(1);
    runs[0].count = offsetof(myl_alert, behind);
    for (const myl_run &run : runs)
        if (run.count == 0)
            return 1;
    return raw[0] == 'm' && joined.id[0] == '\0' && which->pid == 0 && diagnosis("no such ring").parties() == 0 ? 0 : 2;
}
