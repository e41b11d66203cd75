// Reads each member of `struct sample` by a program of its own with libbpf's plain read, whose
// size is fixed when it is compiled: right, or refused before it loads.
#include "traceable.bpf.h"

char LICENSE[] SEC("license") = "GPL";

__s64 value;

#define PLAIN(name, type, member)                                            \
    SEC("uprobe")                                                            \
    int BPF_UPROBE(read_##name, struct sample *s)                            \
    {                                                                        \
        type read = 0;                                                       \
                                                                             \
        bpf_probe_read_user(&read, sizeof(read), &s->member);                \
        value = read;                                                        \
        return 0;                                                            \
    }

PLAIN(id, __u32, id)
PLAIN(count, __u32, count)
PLAIN(total, __u64, total)
PLAIN(delta, __s32, delta)
PLAIN(level, __u32, level)
PLAIN(mode, __u32, mode)
PLAIN(list_3, __u16, list[3])
PLAIN(item_1_id, __u32, items[1].id)
PLAIN(item_1_weight, __s32, items[1].weight)
PLAIN(y, __s32, where.y)

// Through a pointer: what is read at its end has a fixed size too.
SEC("uprobe")
int BPF_UPROBE(read_counter, struct sample *s)
{
    __u32 *counter = 0, read = 0;

    bpf_probe_read_user(&counter, sizeof(counter), &s->counter);
    bpf_probe_read_user(&read, sizeof(read), counter);
    value = read;
    return 0;
}
