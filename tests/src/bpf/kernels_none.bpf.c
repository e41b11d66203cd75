// Names no type of the kernel.
#include "traceable.bpf.h"

char LICENSE[] SEC("license") = "GPL";

__u64 sector;

SEC("uprobe")
int BPF_UPROBE(on_request, struct request *request)
{
    sector = core_read(request, sector);
    return 0;
}
