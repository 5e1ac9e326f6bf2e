"""What keeps the package running and no page is about: files, processes, devices, drawing."""
