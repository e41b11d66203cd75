// A uprobe, which cannot wait for a page.
#define FETCH bpf_probe_read_user
#include "cold.h"

SEC("uprobe")
int BPF_UPROBE(on_touch, struct Cold *cold)
{
    return READ_COLD(cold);
}
