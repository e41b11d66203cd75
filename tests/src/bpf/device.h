/* The kernel's types on the way from a process to the device behind one of its files: the module
 * `uinput`, whose types vmlinux does not have. */
#define KERNEL __attribute__((preserve_access_index))

enum uinput_state { UIST_NEW_DEVICE, UIST_SETUP_COMPLETE, UIST_CREATED };
struct input_dev { const char *name; } KERNEL;
struct uinput_device {
	struct input_dev *dev;
	enum uinput_state state;
	unsigned int ff_effects_max;
} KERNEL;
struct file { void *private_data; } KERNEL;
struct fdtable { struct file **fd; } KERNEL;
struct files_struct { struct fdtable *fdt; } KERNEL;
struct task_struct { int tgid; char comm[16]; struct files_struct *files; } KERNEL;

/* What a process has told `uinput` through a file descriptor. */
struct device {
	__u64 is_known, is_set_up, effects;
	char name[32];
};

static __always_inline void read_device(struct task_struct *task, int fd, struct device *to)
{
	struct uinput_device *device;
	struct file **files, *file = 0;

	if (!bpf_core_type_exists(struct uinput_device))
		return;
	files = BPF_CORE_READ(task, files, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	device = BPF_CORE_READ(file, private_data);
	to->is_known = 1;
	to->is_set_up = BPF_CORE_READ(device, state) ==
			bpf_core_enum_value(enum uinput_state, UIST_SETUP_COMPLETE);
	to->effects = BPF_CORE_READ(device, ff_effects_max);
	bpf_probe_read_kernel_str(to->name, sizeof(to->name), BPF_CORE_READ(device, dev, name));
}
