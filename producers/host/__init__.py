"""This machine: its CPU, memory, filesystems, disks, network, pressure and limits, from psutil and /proc."""
