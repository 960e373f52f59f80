"""What a turn costs: the product beside the ideal and beside a floor, measured in the same run."""
