"""What MDIN and IPDN computed: their torch files, read without running anything, and kept apart."""
