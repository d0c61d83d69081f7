"""Technical parts that all packages use.

The operating system (files, locks, signals, shutdown), thread pools, URLs and other addresses, connections by ADBC,
bitmaps, the Thrift of Parquet files, and the version of the program.
"""
