// Reads every member of `struct sample` through the header's macros: right in every version.
#include "traceable.bpf.h"

char LICENSE[] SEC("license") = "GPL";

__s64 id, count, total, delta, level, mode, list_3, item_1_id, item_1_weight, y, next_id;

SEC("uprobe")
int BPF_UPROBE(on_observe, struct sample *s)
{
    id = core_read(s, id);
    count = core_read(s, count);
    total = core_read(s, total);
    delta = core_read(s, delta);
    level = core_read(s, level);
    mode = core_read(s, mode);
    list_3 = core_read(s, list[3]);
    item_1_id = core_read(s, items[1].id);
    item_1_weight = core_read(s, items[1].weight);
    y = core_read(s, where.y);
    next_id = core_read(core_read_ptr(s, next), id);
    return 0;
}
