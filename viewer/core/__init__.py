"""What all panels share: application, worker process, shared state, drawing."""
