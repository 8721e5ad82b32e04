"""Readers and writers, one file per annotation format; see `data_tools.folders`."""
