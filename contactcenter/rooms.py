"""The rooms' services, bound to each other."""

import secrets

from contactcenter.agents.ports import PresencePort
from contactcenter.agents.profiles import ProfileService
from contactcenter.agents.service import AgentService
from contactcenter.customers.service import CustomerService
from contactcenter.dry_runs.service import DryRunService
from contactcenter.foundation import Foundation
from contactcenter.queues.service import QueueService
from contactcenter.site_servers import server_ids
from contactcenter.tickets.service import TicketService
from contactcenter.users.attempts import SignInAttempts
from contactcenter.users.passwords import Passwords
from contactcenter.users.principals import Principals
from contactcenter.users.service import UserService


class Rooms:
    """All but the interactions', whose acts are the router's process's; ``presence`` is where presence is owned."""

    def __init__(self, base: Foundation, presence: PresencePort) -> None:
        settings, servers = base.settings, server_ids(base.settings)
        parts = (base.database, base.clock, base.ids)
        self.agents = AgentService(*parts, presence, servers, new_secret=lambda: secrets.token_hex(16))
        self.profiles = ProfileService(base.database, base.ids)
        self.queues = QueueService(*parts)
        self.queues.offers = self.agents.list_serving
        self.customers = CustomerService(*parts, settings.region)
        self.passwords = Passwords()
        self.principals = Principals(base.database, base.clock, self.agents)
        self.attempts = SignInAttempts()
        self.users = UserService(*parts, self.passwords, self.attempts, self.principals)
        self.tickets = TicketService(*parts, self.customers)
        self.customers.traces.append(self.tickets)
        self.dry_runs = DryRunService(base.database, base.clock, self.queues, self.agents, settings.timezone)
