"""A simulated PBX: speaks AMI and FastAGI over TCP like an Asterisk with our dialplan, without audio.

For a demo on any machine and for tests. ``exchange`` is the pure core (channels, bridges, time as an argument), around
it ``dialplan`` and ``applications`` (our own extensions.conf, read and carried out), ``actions`` (AMI), ``agi``
(FastAGI's commands), ``people`` (phones and customers); ``server`` is the asyncio shell. What it has not: sound, SIP,
transfers by a phone, DTMF features, optimised Local channels. It decides nothing that our own dialplan decides.
"""
