// Reads only what the kernel and its modules have: libbpf can relocate it alone.
#include "traceable.bpf.h"
#include "device.h"

char LICENSE[] SEC("license") = "GPL";

__u64 tgid;
struct device device;

SEC("uprobe")
int BPF_UPROBE(on_call, int fd)
{
    struct task_struct *task = (void *)bpf_get_current_task();

    tgid = BPF_CORE_READ(task, tgid);
    read_device(task, fd, &device);
    return 0;
}
