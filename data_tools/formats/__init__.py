"""One file for each form of annotation; `data_tools.folders` tells them apart."""
