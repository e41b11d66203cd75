// Reads types of the application that are named like the kernel's, types of vmlinux, and types of a
// module, and sends what it read.
#include "traceable.bpf.h"
#include "device.h"

char LICENSE[] SEC("license") = "GPL";

struct event {
    __u64 tgid, sector, flags;
    char comm[16], path[32];
    struct device device;
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 16);
} events SEC(".maps");

SEC("uprobe")
int BPF_UPROBE(on_request, struct request *request, int fd)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

    if (!event)
        return 0;
    __builtin_memset(event, 0, sizeof(*event));
    event->tgid = BPF_CORE_READ(task, tgid);
    BPF_CORE_READ_STR_INTO(&event->comm, task, comm);
    event->sector = core_read(request, sector);
    event->flags = core_read(core_read_ptr(request, page), flags);
    core_str(event->path, sizeof(event->path), request, path);
    if (fd >= 0)
        read_device(task, fd, &event->device);
    bpf_ringbuf_submit(event, 0);
    return 0;
}
