"""What agents and supervisors see: the socket, its projections, pages and front end."""
