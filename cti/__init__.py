"""Everything that knows the word "channel": AMI, FastAGI, call folding, telephony, provisioning."""
