"""S3 served from disk: buckets, objects, listings, multipart uploads."""
