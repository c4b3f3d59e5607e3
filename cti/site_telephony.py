"""The Telephony port over every PBX of the site."""

from contactcenter.core.ids import LegId, ReservationId, ServerId
from contactcenter.interactions import ports
from cti import dialplan_names as names
from cti.telephony import PbxTelephony


class AsteriskTelephony:
    """The Telephony port over every PBX of the site."""

    def __init__(self) -> None:
        self.servers: dict[ServerId, PbxTelephony] = {}

    def add(self, server: PbxTelephony) -> None:
        """Take up one PBX."""
        self.servers[server.server_id] = server
        server.nailed.over_trunk = self._over_trunk
        server.on_far_end = self._far_ended
        server.on_alert_ended = self._alert_ended
        server.stand_ins.on_ready = self._ring

    def alert(self, order: ports.AlertOrder) -> None:
        """See ports.Telephony. Who stands in for a customer is there before anybody could be bridged with him."""
        if order.call is not None:
            self.servers[order.server_id].stand_in(order, order.call)
        else:
            self._ring(order)

    def _ring(self, order: ports.AlertOrder) -> None:
        """The caller's server rings; a tone on a nailed leg is its own server's affair."""
        is_nailed = order.device.mode is ports.LegMode.NAILED
        server_id = order.device.server_id if is_nailed else order.server_id
        self.servers[server_id].alert(order)

    def _over_trunk(self, order: ports.AlertOrder, nailed_leg: LegId) -> None:
        """A call on one server was accepted on a leg that is parked on another."""
        self.servers[order.server_id].alert(order, nailed_leg)

    def _far_ended(self, reservation_id: ReservationId) -> None:
        for server in self.servers.values():
            server.far_ended(reservation_id)

    def _alert_ended(self, reservation_id: ReservationId) -> None:
        for server in self.servers.values():
            server.stand_ins.alert_ended(reservation_id)

    def revoke(self, reservation_id: ReservationId) -> None:
        """See ports.Telephony. One that no PBX knows is over: its owner must not wait for it for ever."""
        owners = [server for server in self.servers.values() if server.owns(reservation_id)]
        for server in owners:
            server.revoke(reservation_id)
        if not owners and self.servers:
            next(iter(self.servers.values())).report_over(reservation_id)

    def connect(self, reservation_id: ReservationId) -> None:
        """See ports.Telephony."""
        for server in self.servers.values():
            server.connect(reservation_id)

    def prepare(self, device: ports.Device) -> None:
        """See ports.Telephony."""
        if device.mode is ports.LegMode.NAILED and device.server_id in self.servers:
            self.servers[device.server_id].nailed.prepare(device)

    def release(self, device: ports.Device) -> None:
        """See ports.Telephony."""
        if device.mode is ports.LegMode.NAILED and device.server_id in self.servers:
            self.servers[device.server_id].nailed.release(device)

    def forget(self, device: ports.Device) -> None:
        """The device is gone, or reached another way from now on: let a nailed leg go."""
        if device.mode is ports.LegMode.NAILED and device.server_id in self.servers:
            self.servers[device.server_id].nailed.forget(device)

    def serve(self, server_id: ServerId, leg_id: LegId, reservation_id: ReservationId) -> None:
        """See ports.Telephony."""
        self.servers[server_id].calls.aliases[leg_id] = LegId(reservation_id)

    def calls_out(self, server_id: ServerId) -> bool:
        """See ports.Telephony."""
        return self.servers[server_id].calls_out

    def dial(self, server_id: ServerId, leg_id: LegId) -> None:
        """See ports.Telephony."""
        self.servers[server_id].stand_ins.dial(leg_id)

    def hold(self, server_id: ServerId, caller_leg: LegId, agent_leg: LegId) -> None:
        """See ports.Telephony."""
        self.servers[server_id].holds.hold(caller_leg, agent_leg)

    def retrieve(self, server_id: ServerId, agent_leg: LegId, device: ports.Device) -> None:
        """See ports.Telephony."""
        self.servers[server_id].holds.retrieve(agent_leg, device)

    def let_wait(self, server_id: ServerId, caller_leg: LegId, agent_leg: LegId, device: ports.Device) -> None:
        """See ports.Telephony."""
        self.servers[server_id].holds.let_wait(caller_leg, agent_leg, device)

    def hang_up(self, server_id: ServerId, leg_id: LegId) -> None:
        """See ports.Telephony. Of a server that is not configured any more nothing can be hung up."""
        if server_id in self.servers:
            self.servers[server_id].hang_up(leg_id)

    def look(self, server_id: ServerId) -> None:
        """See ports.Telephony."""
        self.servers[server_id].look()

    def resync(self, server_id: ServerId) -> None:
        """See ports.Telephony."""
        self.servers[server_id].resync()

    def return_to_flow(self, server_id: ServerId, leg_id: LegId) -> None:
        """See ports.Telephony."""
        self.servers[server_id].redirect(leg_id, names.IVR)

    def return_to_hold(self, server_id: ServerId, leg_id: LegId) -> None:
        """See ports.Telephony."""
        self.servers[server_id].redirect(leg_id, names.HOLD)
