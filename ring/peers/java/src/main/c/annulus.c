/* The two things that Java before 22 cannot do by itself: a system call, and where a
 * direct buffer lies. All else is in Java.
 *
 *   gcc -shared -fPIC -O2 -I$JAVA_HOME/include -I$JAVA_HOME/include/linux annulus.c -o libannulus.so */
#define _GNU_SOURCE
#include <errno.h>
#include <jni.h>
#include <stdint.h>
#include <unistd.h>

/* The result of system call nr, or -errno. */
JNIEXPORT jlong JNICALL Java_annulus_KernelJni_syscall(JNIEnv *env, jclass cls, jlong nr, jlong a, jlong b, jlong c, jlong d,
						       jlong e, jlong f)
{
	(void)env;
	(void)cls;
	long rc = syscall((long)nr, (long)a, (long)b, (long)c, (long)d, (long)e, (long)f);
	return rc == -1 ? -(jlong)errno : rc;
}

JNIEXPORT jlong JNICALL Java_annulus_KernelJni_addressOf(JNIEnv *env, jclass cls, jobject buffer)
{
	(void)cls;
	return (jlong)(intptr_t)(*env)->GetDirectBufferAddress(env, buffer);
}
