"""Technical parts that all packages use.

The operating system (files, locks, signals, shutdown), thread pools, URLs and other addresses, connections by ADBC,
bitmaps, and the Thrift of Parquet files.
"""
