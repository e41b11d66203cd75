// The control: without preserve_access_index nothing is relocated.
#include "core.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct data {
    int a;
    int c;
    int d;
};

__s64 a, c;

SEC("uprobe")
int BPF_UPROBE(on_add_test, struct data *d)
{
    int value = 0;

    bpf_probe_read_user(&value, sizeof(value), &d->a);
    a = value;
    bpf_probe_read_user(&value, sizeof(value), &d->c);
    c = value;
    return 0;
}
