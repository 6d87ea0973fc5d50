"""GLSL of the render dataset. Everything is lit in head space, in linear light."""


def defined(source: str, names: tuple[str, ...]) -> str:
    """The shader with these preprocessor names defined."""
    version, rest = source.lstrip().split("\n", 1)
    return "\n".join([version, *(f"#define {name}" for name in names), rest])


VERTEX_HEAD = """
#version 400
uniform mat4 camera;
in vec3 position; in vec3 normal; in vec3 rest; in vec2 uv; in float ao; in vec4 mask;
out vec3 P; out vec3 N; out vec3 Q; out vec2 UV; out float AO; out vec4 M;
void main() { P = position; N = normal; Q = rest; UV = uv; AO = ao; M = mask; gl_Position = camera * vec4(position, 1); }
"""

LIGHTING = """
#version 400
uniform vec3 eye;                                   // the camera, head space
uniform vec3 up, sky, ground;                       // ambient light by the normal's height
uniform vec3 light_direction[2], light_colour[2];   // towards the light; the first casts the shadow
uniform float exposure;
uniform sampler3D noise;
uniform sampler2D shadow_map; uniform mat4 shadow_camera; uniform float shadow_strength;
in vec3 P; in vec3 N; in vec3 Q;
layout(location = 0) out vec4 colour;

float lit(vec3 p, vec3 n) {                         // of light 0: 0 in its shadow, softened over a few texels
#ifdef HAIR_SHELL
    return 1.0;                                     // hair shades itself by its layers
#endif
    if (shadow_strength <= 0) return 1.0;
    vec4 c = shadow_camera * vec4(p + 0.002 * n, 1);
    vec3 s = c.xyz / c.w * 0.5 + 0.5;
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += step(s.z - 0.004, texture(shadow_map, s.xy + 0.006 * vec2(i < 2 ? -0.4 : 0.6, (i & 1) == 0 ? -0.6 : 0.4)).r);
    return 1 - shadow_strength * (1 - sum / 4);
}

vec3 shade(vec3 albedo, vec3 n, float ao, vec3 wrap, float specular, float power) {
    vec3 v = normalize(eye - P);
    vec3 light = mix(ground, sky, 0.5 + 0.5 * dot(n, up)) * ao, sheen = vec3(0);
    float fresnel = 1 - max(dot(n, v), 0);
    fresnel = 0.35 + 0.65 * fresnel * fresnel * fresnel * fresnel;
    float s = lit(P, n);
    for (int i = 0; i < 2; i++) {
        float d = dot(n, light_direction[i]);
        light += light_colour[i] * max((d + wrap) / (1 + wrap), 0) * (0.35 + 0.65 * ao) * mix(wrap * 0.5, vec3(1), s);
        float h = max(dot(n, normalize(light_direction[i] + v)), 0);
        h *= h; h *= h; h *= h;                     // cosine to the 8th, then to the 16th or 32nd
        sheen += light_colour[i] * h * h * (power > 24 ? h * h : 1) * max(d, 0) * s;
        s = 1;
    }
    return albedo * light + specular * fresnel * sheen * ao;
}

// Radiance 0..infinity to 0..1 for an 8-bit target; raster.DEVELOP is the film that undoes it.
vec4 develop(vec3 radiance) { vec3 c = max(radiance, 0) * exposure; return vec4(sqrt(c / (1 + c)), 1); }
"""

# mask: x = 1 on the back of the head and the shoulders, y = hair, z = beard (signed distances, m), w = lips
FRAGMENT_SKIN = LIGHTING + """
uniform sampler2D atlas; uniform vec3 tone; uniform float gloss;  // the atlas holds sqrt(albedo)
uniform vec4 hair, beard, lipstick;                 // colour, density
uniform mat3 strands, beard_strands;
in vec2 UV; in float AO; in vec4 M;
void main() {
    vec3 albedo = texture(atlas, UV).rgb;
    albedo *= albedo;
    vec2 grain = texture(noise, Q * 33).rg - 0.5;
    albedo = mix(albedo, tone * (1 + 0.1 * grain.x), M.x) * (1 + 0.1 * grain.y);
#ifdef LIPSTICK
    albedo = mix(albedo, lipstick.rgb * (0.6 + 0.4 * dot(albedo / tone, vec3(0.33))), lipstick.a * M.w);
#endif
#ifdef HAIR
    float h = texture(noise, strands * Q).r;
    albedo = mix(albedo, hair.rgb * (0.25 + 0.7 * h), hair.a * smoothstep(-0.006, 0.008, M.y + 0.016 * (h - 0.5)));
#endif
#ifdef BEARD
    float b = texture(noise, beard_strands * Q).g;
    albedo = mix(albedo, beard.rgb * (0.35 + 0.65 * b), beard.a * smoothstep(-0.006, 0.01, M.z + 0.01 * (b - 0.5)) * (0.4 + 0.6 * b));
#endif
    vec3 n = normalize(N + 0.12 * vec3(grain, grain.y - grain.x));
    colour = develop(shade(albedo, n, AO, vec3(0.3, 0.12, 0.06), gloss, 22));
}
"""

# The inside of mouth and sockets: flat shaded, `tint` by part in mask.xyz, wetness in mask.w.
FRAGMENT_INSIDE = LIGHTING + """
uniform float openness;
in vec2 UV; in float AO; in vec4 M;
void main() {
    vec3 n = normalize(cross(dFdx(P), dFdy(P)));
    if (dot(n, eye - P) < 0) n = -n;
    float depth = clamp((Q.z - 0.062) / 0.045, 0.02, 1);    // light falls off into the mouth
    colour = develop(shade(M.rgb, n, depth * depth * openness, vec3(0.3), M.w, 40) * mix(0.25, 1, depth));
}
"""

VERTEX_EYE = """
#version 400
uniform mat4 camera; uniform mat3 turn; uniform vec3 centre, eye;
in vec3 position; in vec3 rest;                     // both about the eyeball's centre
in vec2 lids;                                       // m to the margins of the upper and the lower lid
out vec3 P; out vec3 N; out vec3 Q; out vec2 D;
void main() {
    P = centre + turn * position; N = turn * normalize(position); Q = rest; D = lids;
    gl_Position = camera * vec4(P, 1);
    vec4 sunk = camera * vec4(P + 0.002 * normalize(P - eye), 1);   // a lid that slides over the cornea would be pierced by it
    gl_Position.z = sunk.z / sunk.w * gl_Position.w;
}
"""

FRAGMENT_EYE = LIGHTING + """
uniform vec3 iris, white; uniform float iris_radius, pupil_radius;
in vec2 D;
void main() {
    vec3 d = normalize(Q);
    float r = length(d.xy) * 0.0162, angle = atan(d.y, d.x);
    float streaks = texture(noise, vec3(angle * 1.6, r * 60, 0.3)).g;
    vec3 inner = iris * (0.55 + 0.9 * streaks) * mix(1.25, 0.8, r / iris_radius);
    inner *= 1 - 0.65 * smoothstep(0.78, 1.0, r / iris_radius);
    inner = mix(vec3(0.01), inner, smoothstep(pupil_radius * 0.9, pupil_radius * 1.1, r));
    vec3 outer = white * mix(vec3(1), vec3(1, 0.72, 0.66), smoothstep(0.009, 0.015, r));
    vec3 albedo = d.z > 0 ? mix(inner, outer, smoothstep(iris_radius * 0.93, iris_radius * 1.05, r)) : outer;
    vec3 n = normalize(N);
    float lid = smoothstep(0, 0.006, D.x), open = (0.3 + 0.6 * lid) * (0.6 + 0.4 * smoothstep(0, 0.003, D.y)); // of the sky
    colour = develop(shade(albedo, n, open, vec3(0.15), 0.0, 30));
    vec3 mirrored = reflect(normalize(P - eye), n);
    float glint = 0;
    for (int i = 0; i < 2; i++) glint += dot(light_colour[i], vec3(0.33)) * smoothstep(0.985, 0.995, dot(mirrored, light_direction[i]));
    colour.rgb += min(glint, 0.9) * lid * (1 - colour.rgb);
}
"""

VERTEX_LASH = """
#version 400
uniform mat4 camera;
in vec3 position; in vec3 lash;                     // from its root to its tip 0..1, along the lid m, how dense
out vec3 L;
void main() { L = lash; gl_Position = camera * vec4(position, 1); }
"""

# Lashes are finer than a pixel: what they cover of it.
FRAGMENT_LASH = """
#version 400
uniform vec3 lash_tint, sky, light_colour[2]; uniform float exposure;
uniform sampler3D noise;
in vec3 L;
layout(location = 0) out vec4 colour;
void main() {
    float strands = texture(noise, vec3(L.y * 180, L.x * 0.6, 0.7)).g;
    vec3 c = lash_tint * (sky + 0.4 * light_colour[0] + 0.4 * light_colour[1]) * exposure;
    colour = vec4(sqrt(c / (1 + c)), L.z * (1 - L.x) * (1 - 0.7 * L.x * strands));
}
"""

# Hair, beards, hats and cloth: layers lifted off the surface, cut by noise. shell = (signed distance to the edge, lift), m.
VERTEX_SHELL = """
#version 400
uniform mat4 camera; uniform int layers; uniform vec3 droop;
in vec3 position; in vec3 normal; in vec3 rest; in vec2 shell;
out vec3 P; out vec3 N; out vec3 Q; out float E; out float L;
void main() {
    L = float(gl_InstanceID + 1) / layers;
    P = position + (normal * L + droop * L * L) * shell.y;
    N = normal; Q = rest; E = shell.x;
    gl_Position = camera * vec4(P, 1);
}
"""

FRAGMENT_SHELL = LIGHTING + """
uniform vec3 tint, second; uniform mat3 strands; uniform float edge, cut, gloss, fuzz, pattern; uniform int layers;
in float E; in float L;
void main() {
    vec3 s = strands * Q;
    vec2 a = texture(noise, s).rg;
    if (E + (a.x - 0.5) * edge < 0) discard;
    vec2 b = texture(noise, s * 2.7 + 0.3).rg;
#ifdef HAIR_SHELL
    if (0.7 * a.x + 0.3 * b.y < cut * L) discard;
    vec3 albedo = mix(tint, second, b.x * b.x) * (0.25 + 0.75 * a.x);
    float hidden = mix(0.35, 1.0, L);
#else
    float mixed = pattern > 0 ? fract(dot(Q, vec3(0.3, 1, 0.2)) * pattern) : texture(noise, Q * 7).r;  // stripes or clouds
    vec3 albedo = mix(tint, second, smoothstep(0.4, 0.6, mixed)) * mix(0.75, 1.0, a.x);
    float hidden = 1;
#endif
    vec3 n = normalize(N);
    if (dot(n, eye - P) < 0) n = -n;
    n = normalize(n + 0.6 * fuzz * (vec3(a, b.x) - 0.5));
    colour = develop(shade(albedo, n, hidden * clamp(0.45 + E * 25, 0.45, 1), vec3(0.3), gloss * a.x, 18));
}
"""

# Plain solids: glasses, hands, hat brims, shoulders. finish = (gloss, grain)
VERTEX_SOLID = """
#version 400
uniform mat4 camera;
in vec3 position; in vec3 normal; in vec3 tint; in vec2 finish;
out vec3 P; out vec3 N; out vec3 Q; out vec3 T; out vec2 F;
void main() { P = position; N = normal; Q = position; T = tint; F = finish; gl_Position = camera * vec4(position, 1); }
"""

FRAGMENT_SOLID = LIGHTING + """
in vec3 T; in vec2 F;
void main() {
    vec3 n = normalize(N);
    if (dot(n, eye - P) < 0) n = -n;
    float grain = texture(noise, Q * 30).g - 0.5 + 2 * (texture(noise, Q * 5).r - 0.5);
    colour = develop(shade(T * (1 + F.y * grain), n, 0.85, vec3(0.15), F.x, 30));
}
"""

FRAGMENT_LENS = LIGHTING + """
uniform vec4 lens;                                  // tint and opacity
in vec3 T; in vec2 F;
void main() {
    vec3 mirrored = reflect(normalize(P - eye), normalize(N));
    float glint = 0;
    for (int i = 0; i < 2; i++) glint += dot(light_colour[i], vec3(0.33)) * smoothstep(0.93, 1.0, dot(mirrored, light_direction[i]));
    float sheen = 0.12 * smoothstep(0.45, 0.6, texture(noise, Q * 3).r);
    vec4 c = develop(lens.rgb * (sky + 0.3) + sky * sheen + glint);
    colour = vec4(c.rgb, clamp(lens.a + sheen + 0.7 * glint, 0, 0.97));
}
"""

VERTEX_DEPTH = """
#version 400
uniform mat4 camera;
in vec3 position;
void main() { gl_Position = camera * vec4(position, 1); }
"""
FRAGMENT_DEPTH = "#version 400\nvoid main() {}"

VERTEX_UNLIT = """
#version 400
uniform mat4 camera;
in vec3 position; in vec2 uv;
out vec2 UV;
void main() { UV = uv; gl_Position = camera * vec4(position, 1); }
"""
FRAGMENT_UNLIT = """
#version 400
uniform sampler2D atlas;
in vec2 UV;
layout(location = 0) out vec4 colour;
void main() { colour = vec4(texture(atlas, UV).rgb, 1); }
"""
