"""Mask R-CNN (He et al. 2017), top to bottom: start reading here.

images -> backbone -> feature pyramid -> RPN -> RoIAlign -> box head, mask head.
Shapes are static, so that every backend can compile the model: detections and proposals
are padded with zero boxes and zero scores.
"""

import keras
import numpy as np
from keras import ops

from mrcnn import boxes as box_ops
from mrcnn import losses, targets
from mrcnn.anchors import make_anchors
from mrcnn.backbone import build_backbone, preprocess
from mrcnn.config import MaskRCNNConfig, TrainConfig
from mrcnn.feature_pyramid import build_feature_pyramid
from mrcnn.roi_heads import build_box_head, build_mask_head, pick_class
from mrcnn.rpn import RegionProposalNetwork, propose

_STRIDES = (4.0, 8.0, 16.0, 32.0)
LOSS_NAMES = ("rpn_class", "rpn_box", "class", "box", "mask")


class MaskRCNN(keras.Model):
    """Mask R-CNN.

    Args:
        config: architecture. Defaults to `MaskRCNNConfig()`.
        train: sampling of the losses. Defaults to `TrainConfig()`.

    Call arguments:
        inputs: images (B, S, S, 3) float, RGB 0..255; or, to train, a dict with
            `images`, `gt_boxes` (B, M, 4) xyxy, `gt_labels` (B, M) int with 0 for
            padding and -1 for an unknown class, `gt_masks` (B, M, S, S).

    Returns:
        For images a dict: `boxes` (B, D, 4), `labels` (B, D) int, `scores` (B, D), 0 for
        padding, `masks` (B, D, m, m) in [0, 1] over `mask_boxes` (B, D, 4). For a dict of
        ground truth the five losses, scalars, by the names of `LOSS_NAMES`.

    References:
        He et al., "Mask R-CNN", ICCV 2017.
    """

    class_layers: tuple[keras.layers.Layer, ...] = ()  # `OUTLINES` freezes none here

    def __init__(
        self, config: MaskRCNNConfig | None = None, train: TrainConfig | None = None
    ):
        # Boxes need float32; the submodels follow the global policy and may be mixed.
        super().__init__(name="mask_rcnn", dtype="float32")
        # === Layers ===
        self.config = config or MaskRCNNConfig()
        self.train_config = train or TrainConfig()
        self.backbone = build_backbone(self.config.backbone, self.config.image_size)
        self.feature_pyramid = build_feature_pyramid(
            self.backbone.outputs, self.config.pyramid_channels
        )
        self.rpn = RegionProposalNetwork(self.config)
        self.box_head = build_box_head(self.config)
        self.mask_head = build_mask_head(self.config)
        # === State ===
        self.anchors = make_anchors(self.config)
        self.seed = keras.random.SeedGenerator(self.train_config.seed)
        self.trackers = {name: keras.metrics.Mean(name) for name in LOSS_NAMES}
        self.rpn.build(None)
        self.built = True

    def call(self, inputs, training=False):
        if isinstance(inputs, dict):
            return self.compute_losses(inputs)
        pyramid = self.features(inputs)
        logits, deltas = self.rpn(self.anchor_levels(pyramid))
        proposals = propose(logits, deltas, self.anchors, self.config)
        return self.detect(pyramid, proposals)

    # === Submodels ===

    def features(self, images):
        """Return the features [P2..P6] of images (B, S, S, 3) in 0..255."""
        scaled = preprocess(ops.cast(images, "float32"), self.config.backbone)
        return self.feature_pyramid(self.backbone(scaled, training=False))

    def anchor_levels(self, pyramid):
        """Return the pyramid levels that have anchors."""
        return [pyramid[level - 2] for level in self.config.anchor_levels]

    def roi_features(self, pyramid, boxes, size: int, sampling: int):
        """Return RoIAlign of boxes (B, N, 4) from P2..P5, (B * N, size, size, C)."""
        level = box_ops.pyramid_level(boxes, self.config.canonical_size, 4)
        features = box_ops.roi_align(pyramid[:4], boxes, level, size, _STRIDES, sampling)
        return ops.reshape(features, (-1, size, size, self.config.pyramid_channels))

    def predict_boxes(self, pyramid, boxes):
        """Return class logits (B, N, 1 + classes) and deltas (B, N, K, 4) of boxes."""
        count = boxes.shape[1]
        features = self.roi_features(pyramid, boxes, self.config.box_roi_size, 2)
        logits, deltas = self.box_head(features)
        return (
            ops.reshape(logits, (-1, count, logits.shape[-1])),
            ops.reshape(deltas, (-1, count, *deltas.shape[1:])),
        )

    def predict_masks(self, pyramid, boxes, labels):
        """Return mask logits (B, N, m, m) of boxes (B, N, 4) for their labels (B, N)."""
        count, size = boxes.shape[1], self.config.mask_output_size
        features = self.roi_features(pyramid, boxes, self.config.mask_roi_size, 1)
        shape = (-1, count, size, size, self.outputs_per_region)
        logits = ops.reshape(self.mask_head(features), shape)
        by_class = ops.transpose(logits, (0, 1, 4, 2, 3))  # (B, N, K, m, m)
        return pick_class(by_class, labels, self.config.class_agnostic)

    @property
    def outputs_per_region(self) -> int:
        """Number K of boxes and masks that the heads predict per region."""
        return 1 if self.config.class_agnostic else self.config.num_classes

    # === Inference ===

    def detect(self, pyramid, proposals):
        """Classify and refine proposals, suppress duplicates and predict their masks."""
        config = self.config
        logits, deltas = self.predict_boxes(pyramid, proposals)
        shift = np.zeros(config.num_classes + 1, np.float32)
        shift[1] = np.log(config.prior_odds)  # Bayes' rule for other class priors
        probabilities = ops.softmax(logits + shift, axis=-1)[..., 1:]
        # Not argmax: OpenVINO cannot convert the operation that Keras uses for it.
        best, index = ops.top_k(probabilities, 1)
        labels = index[..., 0] + 1
        is_proposal = ops.cast(box_ops.box_area(proposals) > 1.0, "float32")
        scores = best[..., 0] * is_proposal
        boxes = box_ops.decode(
            proposals,
            pick_class(deltas, labels, config.class_agnostic),
            box_ops.BOX_VARIANCE,
            config.image_size,
        )
        kept, scores = box_ops.non_max_suppression(
            boxes, scores, config.nms_threshold, config.max_detections
        )
        boxes = box_ops.take(boxes, kept)
        labels = ops.take_along_axis(ops.cast(labels, "int32"), kept, axis=1)
        # Boxes may be slightly too small: with a margin the mask head sees the edge.
        mask_boxes = box_ops.pad(boxes, config.mask_margin)
        masks = ops.sigmoid(self.predict_masks(pyramid, mask_boxes, labels))
        return {
            "boxes": boxes,
            "labels": labels,
            "scores": scores,
            "mask_boxes": mask_boxes,
            "masks": masks,
        }

    # === Training ===

    def compute_losses(self, truth):
        """Return the five losses of a batch of ground truth, see the class."""
        pyramid = self.features(truth["images"])
        logits, deltas = self.rpn(self.anchor_levels(pyramid))
        proposals = propose(logits, deltas, self.anchors, self.config)
        values = self._rpn_losses(logits, deltas, truth)
        values.update(self._head_losses(pyramid, proposals, truth))
        return values

    def _rpn_losses(self, logits, deltas, truth):
        train, half = self.train_config, self.train_config.rpn_samples // 2
        positive, negative, matched = targets.match_anchors(
            self.anchors, truth["gt_boxes"], truth["gt_labels"], train
        )
        pos, pos_weight = targets.sample(positive, half, self.seed)
        neg, neg_weight = targets.sample(negative, train.rpn_samples - half, self.seed)
        index = ops.concatenate([pos, neg], axis=1)
        is_garment = ops.concatenate([pos_weight, ops.zeros_like(neg_weight)], axis=1)
        weights = ops.concatenate([pos_weight, neg_weight], axis=1)
        gt_deltas = box_ops.encode(
            ops.take(self.anchors, pos, axis=0),
            box_ops.take(matched, pos),
            box_ops.RPN_VARIANCE,
        )
        return {
            "rpn_class": losses.rpn_class_loss(
                ops.take_along_axis(logits, index, axis=1), is_garment, weights
            ),
            "rpn_box": losses.rpn_box_loss(
                box_ops.take(deltas, pos), ops.stop_gradient(gt_deltas), pos_weight
            ),
        }

    def _head_losses(self, pyramid, proposals, truth):
        train, config = self.train_config, self.config
        rois = targets.sample_rois(
            proposals, truth["gt_boxes"], truth["gt_labels"], train, self.seed
        )
        logits, deltas = self.predict_boxes(pyramid, rois["boxes"])
        first = train.roi_positives
        boxes, labels = rois["boxes"][:, :first], rois["labels"][:, :first]
        match, weights = rois["match"][:, :first], rois["weights"][:, :first]
        gt_deltas = box_ops.encode(
            boxes, box_ops.take(truth["gt_boxes"], match), box_ops.BOX_VARIANCE
        )
        pred_deltas = pick_class(deltas[:, :first], labels, config.class_agnostic)
        mask_boxes = box_ops.pad(boxes, config.mask_margin)
        gt_masks = targets.crop_masks(
            truth["gt_masks"], mask_boxes, match, config.mask_output_size
        )
        mask_logits = self.predict_masks(pyramid, mask_boxes, labels)
        return {
            "class": losses.class_loss(logits, rois["labels"], rois["weights"]),
            "box": losses.box_loss(pred_deltas, ops.stop_gradient(gt_deltas), weights),
            "mask": losses.mask_loss(mask_logits, ops.stop_gradient(gt_masks), weights),
        }

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Sum the five losses that `call` computed, and track each."""
        del x, y, sample_weight, training
        for name, value in y_pred.items():
            self.trackers[name].update_state(value)
        return sum(y_pred[name] for name in LOSS_NAMES)
