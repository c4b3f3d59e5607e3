"""The Asterisk Manager Interface: codec (pure), link (pure), client (asyncio)."""

from cti.ami.client import AmiClient, AmiSettings, Response
from cti.ami.codec import Decoder, Message, encode_action
from cti.ami.link import LinkState, LinkTiming

__all__ = ["AmiClient", "AmiSettings", "Decoder", "LinkState", "LinkTiming", "Message", "Response", "encode_action"]
