"""`invoke report`: past runs as one page of HTML, beside the published results on the same chip."""
