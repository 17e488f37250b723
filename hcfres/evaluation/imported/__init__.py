"""Predictions of other systems, scored by the same code on the same expressions as ours.

Three formats are read; each module's docstring is its specification:

* `mdin-rle` (`mdin_rle`): one mask an expression, as MDIN and IPDN write it;
* `boxes` (`box_files`): boxes of instances, as M3DRef-CLIP writes them;
* `masks` (`mask_files`): numpy archives of masks, one an expression or one an instance.

Every expression of the split has to be answered once, and every answer has to be of one: what is
unknown, missing, twice there or of another size is named, and no file is written.
"""
