// Tests of the editor live beside it; see the files of this folder.
