// A sleepable uprobe, which can.
#define CORE_SLEEPABLE
#define FETCH bpf_copy_from_user
#include "cold.h"

SEC("uprobe.s")
int BPF_UPROBE(on_touch, struct Cold *cold)
{
    return READ_COLD(cold);
}
