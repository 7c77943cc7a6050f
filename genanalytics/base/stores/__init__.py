"""Object stores (S3, Google Cloud Storage, Azure): their URLs, their credentials, their objects, and their errors."""
