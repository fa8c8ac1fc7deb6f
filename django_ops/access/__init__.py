"""Who is let in where: internal UIs behind Django's users."""
