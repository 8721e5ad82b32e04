"""Training of every network, with one loop for each room of networks.

`run.py` trains the networks of `mrcnn` (segmenter, refiner, chart) with Keras' `fit`, one
call per epoch, in stages. `generator_run.py` trains those of `cyclegan` (pattern,
universal, shading), whose generators and discriminators alternate in `train_on_batch`
steps. There are two loops because the rooms do not import each other. Each network has a
file of its own name here; `samples/` has what they are trained on.
"""
