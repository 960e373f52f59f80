"""What every service of Agent Wars needs and none owns."""
