"""No model, but what people write beside them."""

from prometheus_client import Counter

BOOKINGS = Counter("shop_bookings", "Bookings.")
