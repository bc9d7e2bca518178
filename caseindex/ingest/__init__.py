"""The only door to DICOM, PNG/JPEG/TIFF and data set layouts: file -> records and pixels."""
