"""Real faults under real processes: disks, servers and wires fail and come back."""
