"""Middleware of the test site."""

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def breaking(get_response):
    """Raise where the path asks for it: outside of any view, before it or after it."""

    def before(request):
        if request.path == "/middleware-raises":
            raise LookupError("the middleware failed")

    def after(request):
        if request.path == "/middleware-raises-late":
            raise LookupError("the middleware failed late")

    if iscoroutinefunction(get_response):

        async def amiddleware(request):
            before(request)
            response = await get_response(request)
            after(request)
            return response

        return amiddleware

    def middleware(request):
        before(request)
        response = get_response(request)
        after(request)
        return response

    return middleware


@sync_and_async_middleware
def traced(get_response):
    """Put each request into a span, as OpenTelemetry's instrumentation does, and name the span in the response."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    tracer = trace.get_tracer(__name__)

    def name(response, span):
        context = span.get_span_context()
        response["Span"] = f"{context.trace_id:032x}-{context.span_id:016x}"
        return response

    if iscoroutinefunction(get_response):

        async def amiddleware(request):
            with tracer.start_as_current_span("request") as span:
                return name(await get_response(request), span)

        return amiddleware

    def middleware(request):
        with tracer.start_as_current_span("request") as span:
            return name(get_response(request), span)

    return middleware
