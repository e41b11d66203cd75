// The tutorial's program, reading `struct data` as it is where the program runs.
#include "traceable.bpf.h"

char LICENSE[] SEC("license") = "GPL";

__s64 a, c;

SEC("uprobe")
int BPF_UPROBE(on_add_test, struct data *d)
{
    a = core_read(d, a);
    c = core_read(d, c);
    return 0;
}
