// Sends more than there is room for, from all processors at once.
#include "traceable.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct number {
    __u64 number, rest[7];
};

CORE_EVENTS(events, 4096);

SEC("uprobe")
int BPF_UPROBE(on_reserve, __u64 number)
{
    struct number *event = core_reserve(events, struct number);

    if (event) {
        event->number = number;
        bpf_ringbuf_submit(event, 0);
    }
    return 0;
}

SEC("uprobe")
int BPF_UPROBE(on_output, __u64 number)
{
    struct number event = { .number = number };

    core_output(events, &event, sizeof(event));
    return 0;
}
