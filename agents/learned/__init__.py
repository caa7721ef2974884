"""Learned allocation: the SB3 adapter, the allocation policy, training and checkpoints.

Import from the modules: ``training.fit``, ``checkpoint.load_agent``, ``adapter.RaidVecEnv``,
``settings.PPOSettings``. This file imports nothing, so that settings stay free of torch.
"""
