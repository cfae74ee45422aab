"""From scores to detections: posteriors, smoothing, thresholds, re-arming."""
