"""Others' data sets as the folder of `landmark_layout`, one file for each.

`python -m data_pipelines.landmarks_import --from=ccp --input=DIR --output=DIR` writes one; what
could not be used is said, with the reason.
"""
